"""`python -m redact` is the `redact` command."""

from redact.cli import main

if __name__ == "__main__":
    main()

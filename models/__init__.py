"""Training, export and evaluation of the embedded detector. See models/README.md."""

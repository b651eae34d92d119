"""redact: hide everyone beyond the property, before footage exists."""

__version__ = "0.1.0"

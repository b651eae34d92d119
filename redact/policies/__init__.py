"""Policies: who is hidden."""

from redact.policies.ground import PropertyPolicy

__all__ = ["PropertyPolicy"]

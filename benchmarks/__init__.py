"""Measurements: one file per question, JSON results."""

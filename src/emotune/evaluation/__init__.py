"""Splits that do not leak, the audit that checks them, and scores with their uncertainty."""

"""What a user reads: tables and pages."""

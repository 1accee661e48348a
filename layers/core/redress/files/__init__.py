"""Files of tickets, both ways: uploads, their checks, scans, opening and withdrawing."""

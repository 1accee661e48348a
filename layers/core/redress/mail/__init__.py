"""Mail that comes in and mail that goes out."""

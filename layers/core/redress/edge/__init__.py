"""HTTP only: requests, bodies, cursors and problem details. It contains no rules about tickets."""

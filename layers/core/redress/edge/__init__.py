"""HTTP: requests, bodies, pages of a list, problems. It knows no rule about tickets."""

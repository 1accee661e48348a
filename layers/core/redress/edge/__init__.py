"""HTTP concerns only: problems and requests. Knows no rule about tickets."""

"""Test equipment: a fake clock and charge points to play the other side."""

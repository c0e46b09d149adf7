"""mcppd-sim: charge points to try a central system without hardware, and to test it."""

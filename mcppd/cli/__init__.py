"""mcppctl: what people type. It talks HTTP to the control socket of the daemon, and to nothing else."""

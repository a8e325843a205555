"""Where checks run: a worker that leases jobs, a process per job, and a sandbox around each model."""

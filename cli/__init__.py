"""What people run: scripts/ calls these modules, and they call everything else."""

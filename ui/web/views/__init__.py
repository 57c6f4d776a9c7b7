"""The pages; each draws from resources and session state and decides nothing else."""

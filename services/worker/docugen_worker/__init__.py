"""The worker: takes jobs out of the queue, renders them, and settles how they ended."""

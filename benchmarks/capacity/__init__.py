"""What a Redis Cluster with N queue partitions and K worker nodes would carry: a simulation fed with measured numbers."""

"""The scheduler: the gRPC service that takes bundles in and hands documents out."""

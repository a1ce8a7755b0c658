"""Other queues and renderers, installed beside DocuGen and measured on the same machine in one run: `make bench-peers`."""

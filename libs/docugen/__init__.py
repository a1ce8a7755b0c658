"""What a user of DocuGen touches: the contract (`v1`), the client, the command line."""

"""What a bot can talk about: the YAML files, the checked model of a domain, and its reader."""

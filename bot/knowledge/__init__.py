"""What a domain knows: questions in a few wordings with their answers, found by their words and by their sound."""

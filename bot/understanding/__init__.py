"""What an utterance means: intents, and which slot values it holds."""

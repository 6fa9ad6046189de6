"""OpenAI's speech-to-text routes, for clients that already speak them."""

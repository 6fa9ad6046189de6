"""How well and how fast a model recognises: error rates, hotword recall, manifests."""

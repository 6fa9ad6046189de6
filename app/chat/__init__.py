"""A conversation: the way of one message from the user to the reply, typed or spoken."""

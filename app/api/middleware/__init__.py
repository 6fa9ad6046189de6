"""What every request passes before its route: proxies, protection headers, the access gate."""

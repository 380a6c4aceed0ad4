"""`kogge report`: what support has to know of a gateway, in one archive, without its secrets."""

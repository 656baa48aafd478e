"""The only network code towards exchanges: real venues, the paper venue, and a simulated exchange to try them on."""

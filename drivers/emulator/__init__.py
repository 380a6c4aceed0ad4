"""The hardware's twin: board, chip and air behind a serial port."""

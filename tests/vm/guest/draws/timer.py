"""Waits for steps of the wall clock, as services do: timer.py FILE.

The timer is far in the future, and is cancelled when the clock is set (timerfd_create(2),
TFD_TIMER_CANCEL_ON_SET).
"""
import ctypes, errno, os, sys, time

CLOCK_REALTIME, ABSTIME, CANCEL_ON_SET = 0, 1, 2
libc = ctypes.CDLL(None, use_errno=True)
timer = libc.timerfd_create(CLOCK_REALTIME, 0)
while True:
    # struct itimerspec: an interval of zero, and a time
    when = (ctypes.c_long * 4)(0, 0, int(time.time()) + 10**8, 0)
    if libc.timerfd_settime(timer, ABSTIME | CANCEL_ON_SET, when, None) != 0:
        sys.exit("Cannot set the timer")
    with open(sys.argv[1], "a") as file:
        print("armed", file=file)
    try:
        os.read(timer, 8)
    except OSError as error:
        if error.errno != errno.ECANCELED:
            raise
        with open(sys.argv[1], "a") as file:
            print("cancelled", file=file)

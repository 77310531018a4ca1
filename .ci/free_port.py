"""Prints a port of this machine that is free, or as many different ones as the argument says. It is none of
those that the kernel gives to clients and to servers that ask for any
(/proc/sys/net/ipv4/ip_local_port_range): one of these could be given to somebody else before the program
that it is meant for has started."""

import random
import socket
import sys

PORTS = range(20_000, 32_768)


def is_free(port):
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count):
    ports = random.sample(PORTS, len(PORTS))
    free = filter(is_free, ports)
    return [next(free) for _ in range(count)]


def free_port():
    return free_ports(1)[0]


if __name__ == "__main__":
    print(*free_ports(int(sys.argv[1]) if len(sys.argv) > 1 else 1))

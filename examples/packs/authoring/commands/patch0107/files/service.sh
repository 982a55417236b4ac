#!/bin/sh
# Stands for a service: what it was told is in repository/data/service.txt.
echo "$1" >> repository/data/service.txt

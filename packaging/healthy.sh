#!/bin/bash
# Is the replica manager of this container alive? (No HTTP client is installed in it.)
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/${1:-9464}"
printf 'GET /healthz HTTP/1.1\r\n\r\n' >&3
read -r _ code _ <&3
[[ $code == 200 ]]

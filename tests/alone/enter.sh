#!/bin/sh
# Tell the story where there is no network, nothing but the data dir can be written, and nobody has
# any rights. Run by `unshare --mount --net`, as root or with a user namespace of its own.
#
# enter.sh PLACE CODE VENV MODELS BASE HOOK USER
#   PLACE   an empty folder, on which all of it is mounted
#   BASE    where Python itself is installed
#   HOOK    code that every Python process runs first, in place of what makes the install editable
#   USER    numeric id of whom to become; 0: stay, without any capability
set -eu
place=$1 code=$2 venv=$3 models=$4 base=$5 hook=$6 user=$7

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$place"
for what in code venv models base; do
    eval "from=\$$what"
    mkdir "$place/$what"
    mount --bind "$from" "$place/$what"
    if [ $what = venv ]; then
        mount --bind "$hook" "$(ls "$place"/venv/lib/python3*/site-packages/__editable__.plinth-*.pth)"
    fi
    mount -o remount,bind,ro "$place/$what"
done
case $base in
/usr | /usr/*) ;;
*)  # In somebody's home, which others may not enter: nothing else of it is there.
    top=/$(echo "$base" | cut -d/ -f2)
    mount -t tmpfs -o mode=755 tmpfs "$top"
    mkdir -p "$base"
    mount --bind "$place/base" "$base"
    mount -o remount,bind,ro "$base"
    ;;
esac
mkdir -m 700 "$place/work"
become="setpriv --no-new-privs --inh-caps=-all --bounding-set=-all"
if [ "$user" -ne 0 ]; then
    chown "$user:$user" "$place/work"
    become="$become --reuid $user --regid $user --clear-groups"
fi
cd /
tell() {
    # shellcheck disable=SC2086  # several words
    env -i PATH="$PATH" LANG=C.UTF-8 PYTHONPATH="$place/code" PLINTH_MODELS_DIR="$place/models" \
        PLINTH_DATA_DIR="$place/work/data" PLINTH_MODELS__GENERATOR=smollm2-135m-instruct \
        PLINTH_MODELS__FITTED=off \
        $become strace -f -qq --seccomp-bpf -o "$place/work/calls-$1" \
        -e trace=connect,sendto,sendmsg,sendmmsg -e signal=none \
        "$place/venv/bin/python" -P -m tests.alone.story "$1"
}
tell commands
# The web app listens on loopback, which is down in a new network namespace. Nothing else is there.
"$place/venv/bin/python" -P -c '
import fcntl, socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
'
tell web

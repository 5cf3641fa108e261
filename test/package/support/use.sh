# use.sh DRIVER: what a person does with dfs on the first day. Said by the commands; any failure ends it.
cd "$HOME"
mkdir "$1"
dfs mount "$1" --driver "$1"
head -c 3000000 /dev/urandom > sample
cp sample "$1/copy"
echo words > "$1/words.txt"
cmp sample "$1/copy"
dfs status "$1"
dfs doctor
dfs umount "$1"
ls "$1"
test -e "$1/copy.f"
test ! -e "$1/copy"
dfs cat "$1/copy.f" | cmp - sample
dfs mount "$1" --driver "$1"
test "$(cat "$1/words.txt")" = words
cmp sample "$1/copy"
dfs umount "$1"
dfs verify

# A program and its files are deleted and still in use.
cp "$(command -v sleep)" ~/program && head -c 100000 /dev/zero >~/data
setsid ~/program 7700 >/dev/null 2>&1 <~/data &
sleep 0.2
rm ~/program ~/data

# A terminal lives on without anybody who looks.
# needs: command -v tmux
tmux -L mine new-session -d sleep 7700
tmux -L mine has-session

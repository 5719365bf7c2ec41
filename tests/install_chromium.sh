#!/bin/sh
# The browser of the page's tests: any Chrome or Chromium that is there, else Debian's where it may be installed.
for name in chromium chromium-browser google-chrome chrome; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
        chromium fonts-noto-cjk >/dev/null && exit 0
fi
echo "No Chrome or Chromium here, and none could be installed: the tests in a browser will be LEFT OUT." >&2
exit 0

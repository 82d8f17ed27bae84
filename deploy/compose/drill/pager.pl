#!/usr/bin/perl
# Stands for Slack: prints the text of each message that is sent to 127.0.0.1 at a port. Only modules of Debian's perl-base.
use strict;
use warnings;
use IO::Socket::INET;

my $port = shift // 9095;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 16, ReuseAddr => 1)
  or die "cannot listen at 127.0.0.1:$port: $@\n";
$| = 1;
print "waits for pages at 127.0.0.1:$port\n";
$SIG{TERM} = sub { exit 0 };
while (1) {
    my $client = $server->accept or next;
    my $length = 0;
    while (defined(my $line = <$client>)) {
        $length = $1 if $line =~ /^Content-Length:\s*(\d{1,6})/i;
        last if $line =~ /^\r?\n$/;
    }
    my $body = '';
    read $client, $body, $length;
    print $client "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    close $client;
    # The strings of the JSON that people read.
    while ($body =~ /"(title|text)":"((?:[^"\\]|\\.)*)"/g) {
        my ($name, $text) = ($1, $2);
        $text =~ s/\\n/\n  /g;
        $text =~ s/\\u00([0-7][0-9a-f])/chr hex $1/ge;
        $text =~ s/\\(.)/$1/g;
        $text =~ s/[^\x20-\x7e\n\x80-\xff]/?/g;
        print $name eq 'title' ? "PAGE: $text\n" : "  $text\n";
    }
}

vcl 4.1;

# Varnish as a cache in front of vitrine-edge (or of vitrine itself). Checked with Varnish 7.1, started as
#
#   varnishd -a 127.0.0.1:8091 -f /etc/varnish/varnish.vcl -s malloc,1g \
#            -p rush_exponent=1000 -p thread_pool_min=200 -p thread_pool_max=5000 \
#            -p timeout_idle=75 -p listen_depth=8192
#
# rush_exponent: all who wait for an object are let go when it is there, not three by three. docs/cdn/README.md says more.

import std;

backend vitrine {
    .host = "127.0.0.1";                # CHANGE: the edge
    .port = "8081";
    .connect_timeout = 2s;
    # Above three target durations: that is how long a request is held.
    .first_byte_timeout = 45s;
    .between_bytes_timeout = 10s;
    .probe = {
        .url = "/readyz";
        .interval = 2s;
        .timeout = 1s;
        .window = 3;
        .threshold = 1;
        .initial = 1;
    }
}

sub vcl_recv {
    # Metrics and health are the edge's and the operator's.
    if (req.url ~ "^/(metrics|healthz|readyz)([?]|$)") {
        return (synth(404));
    }
    if (req.method == "OPTIONS") {
        return (pass);
    }
    if (req.method != "GET" && req.method != "HEAD") {
        return (synth(405));
    }
    unset req.http.Cookie;
    unset req.http.Authorization;

    # The query is the delivery directives in one order, and nothing else: no token, no CMCD, no cache buster.
    if (req.url ~ "[?]") {
        set req.url = std.querysort(req.url);
        # Everything but the directives goes.
        set req.url = regsuball(req.url, "([?&])(?!_HLS_(msn|part|skip)=)[^&]*", "\1");
        set req.url = regsuball(req.url, "&&+", "&");
        set req.url = regsub(req.url, "[?]&+", "?");
        set req.url = regsub(req.url, "[?&]+$", "");
    }
    return (hash);
}

sub vcl_hash {
    hash_data(req.url);
    return (lookup);
}

sub vcl_backend_response {
    # Lives are the edge's. Nothing stale: a playlist that stands still looks like a show that does.
    set beresp.grace = 0s;
    set beresp.keep = 0s;
    # All who wait are given each piece as it comes.
    set beresp.do_stream = true;
    # Errors keep the second that the edge gives them, of every status.
    if (beresp.status >= 400 && beresp.http.Cache-Control ~ "max-age=1\b") {
        set beresp.ttl = 1s;
    }
    if (beresp.http.Cache-Control ~ "no-store|private") {
        set beresp.ttl = 0s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    return (deliver);
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
    unset resp.http.X-Varnish;
}

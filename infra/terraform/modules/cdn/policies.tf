# Cache policies. Their limits do not override the origin (but for the status): it says how long, and says it on every
# answer, errors included.

locals {
  year_seconds = 31536000
}

resource "aws_cloudfront_cache_policy" "playlists" {
  name    = "${var.name}-playlists"
  comment = "By delivery directives alone; lives as the origin says"
  min_ttl = 0
  # An answer that says nothing is not kept: CloudFront's own default would be a day.
  default_ttl = 0
  # A blocking playlist lives for six target durations.
  max_ttl = 6 * var.target_duration_seconds

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_gzip   = true
    enable_accept_encoding_brotli = false

    query_strings_config {
      query_string_behavior = "whitelist"

      query_strings {
        items = ["_HLS_msn", "_HLS_part", "_HLS_skip"]
      }
    }

    headers_config {
      header_behavior = "none"
    }

    cookies_config {
      cookie_behavior = "none"
    }
  }
}

resource "aws_cloudfront_cache_policy" "media" {
  name        = "${var.name}-media"
  comment     = "By path alone; lives as the origin says"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = local.year_seconds

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_gzip   = true
    enable_accept_encoding_brotli = false

    query_strings_config {
      query_string_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    cookies_config {
      cookie_behavior = "none"
    }
  }
}

resource "aws_cloudfront_cache_policy" "never" {
  name        = "${var.name}-never"
  comment     = "Control API: passed through"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 0

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_gzip   = false
    enable_accept_encoding_brotli = false

    query_strings_config {
      query_string_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    cookies_config {
      cookie_behavior = "none"
    }
  }
}

resource "aws_cloudfront_cache_policy" "status" {
  name    = "${var.name}-status"
  comment = "Channel status: one question a second for all"
  # The origin says no-store, to browsers too; a least life above zero lets CloudFront keep it all the same.
  min_ttl     = 1
  default_ttl = 1
  max_ttl     = 1

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_gzip   = true
    enable_accept_encoding_brotli = false

    query_strings_config {
      query_string_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    cookies_config {
      cookie_behavior = "none"
    }
  }
}

# The playback behaviours have none: what is not in the cache key is not sent to an edge, so it cannot change an answer.
resource "aws_cloudfront_origin_request_policy" "control" {
  name    = "${var.name}-control"
  comment = "Control API: the token and the query; no cookies"

  query_strings_config {
    query_string_behavior = "all"
  }

  # Authorization can only be forwarded with all headers but the host's.
  headers_config {
    header_behavior = "allExcept"

    headers {
      items = ["Host"]
    }
  }

  cookies_config {
    cookie_behavior = "none"
  }
}

resource "aws_cloudfront_response_headers_policy" "playback" {
  # checkov:skip=CKV_AWS_259:Preloading binds the whole domain for years; that is for the owner of the domain to decide, at its root.
  name    = "${var.name}-playback"
  comment = "CORS and transport security of playback, errors included"

  cors_config {
    origin_override                  = true
    access_control_allow_credentials = local.signed
    access_control_max_age_sec       = 86400

    access_control_allow_origins {
      items = var.allowed_origins
    }

    access_control_allow_methods {
      items = ["GET", "HEAD", "OPTIONS"]
    }

    access_control_allow_headers {
      items = ["Range", "If-None-Match", "CMCD-Object", "CMCD-Request", "CMCD-Session", "CMCD-Status"]
    }

    # Age and Date are what players reckon their latency with.
    access_control_expose_headers {
      items = ["Age", "Content-Encoding", "Content-Length", "Content-Range", "Date", "ETag"]
    }
  }

  security_headers_config {
    content_type_options {
      override = true
    }

    strict_transport_security {
      access_control_max_age_sec = local.year_seconds
      include_subdomains         = true
      preload                    = false
      override                   = true
    }
  }
}

resource "aws_cloudfront_response_headers_policy" "pages" {
  # checkov:skip=CKV_AWS_259:Preloading binds the whole domain for years; that is for the owner of the domain to decide, at its root.
  name    = "${var.name}-pages"
  comment = "Transport security of pages and the control API"

  security_headers_config {
    content_type_options {
      override = true
    }

    referrer_policy {
      referrer_policy = "strict-origin-when-cross-origin"
      override        = true
    }

    strict_transport_security {
      access_control_max_age_sec = local.year_seconds
      include_subdomains         = true
      preload                    = false
      override                   = true
    }
  }
}

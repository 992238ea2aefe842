mock_provider "aws" {}

variables {
  name                = "live-shop"
  aliases             = ["live.example.com"]
  certificate_arn     = "arn:aws:acm:us-east-1:123456789012:certificate/x"
  edge_domain         = "edge.live.example.com"
  edge_header         = "X-Vitrine-Cdn"
  edge_secret         = "0123456789abcdef0123456789abcdef"
  shield_region       = "eu-central-1"
  archive_domain_name = "archive.s3.example"
  logs_arn            = "arn:aws:s3:::logs"
}

run "playlists_are_keyed_by_exactly_the_delivery_directives" {
  assert {
    condition = (
      aws_cloudfront_cache_policy.playlists.parameters_in_cache_key_and_forwarded_to_origin[0].query_strings_config[0].query_string_behavior == "whitelist"
      && aws_cloudfront_cache_policy.playlists.parameters_in_cache_key_and_forwarded_to_origin[0].query_strings_config[0].query_strings[0].items == toset(["_HLS_msn", "_HLS_part", "_HLS_skip"])
    )
    error_message = "_HLS_msn, _HLS_part and _HLS_skip, and nothing else"
  }

  assert {
    condition = alltrue([for policy in [aws_cloudfront_cache_policy.playlists, aws_cloudfront_cache_policy.media] : (
      policy.parameters_in_cache_key_and_forwarded_to_origin[0].headers_config[0].header_behavior == "none"
      && policy.parameters_in_cache_key_and_forwarded_to_origin[0].cookies_config[0].cookie_behavior == "none"
    )])
    error_message = "no header or cookie is in a key of playback"
  }

  assert {
    condition     = aws_cloudfront_cache_policy.media.parameters_in_cache_key_and_forwarded_to_origin[0].query_strings_config[0].query_string_behavior == "none"
    error_message = "media are keyed by path alone"
  }
}

run "the_origin_says_how_long" {
  assert {
    condition = alltrue([for policy in [aws_cloudfront_cache_policy.playlists, aws_cloudfront_cache_policy.media, aws_cloudfront_cache_policy.never] :
      policy.min_ttl == 0 && policy.default_ttl == 0
    ])
    error_message = "no least life above the origin's, and none for what says nothing"
  }

  assert {
    condition     = aws_cloudfront_cache_policy.media.max_ttl == 31536000 && aws_cloudfront_cache_policy.playlists.max_ttl == 12
    error_message = "a year for media, six target durations for blocking playlists"
  }
}

run "one_early_error_does_not_freeze_its_url" {
  assert {
    condition     = { for error in aws_cloudfront_distribution.this.custom_error_response : error.error_code => error.error_caching_min_ttl if error.error_code >= 500 } == { 500 = 0, 501 = 0, 502 = 0, 503 = 0, 504 = 0 }
    error_message = "no answer of an origin in trouble is kept"
  }

  assert {
    condition     = alltrue([for code in [400, 403, 404, 416] : anytrue([for error in aws_cloudfront_distribution.this.custom_error_response : error.error_code == code && error.error_caching_min_ttl <= 1])])
    error_message = "refusals are kept for a second at most; CloudFront's own default is ten"
  }
}

run "the_cdn_has_more_patience_than_the_longest_hold" {
  variables {
    target_duration_seconds = 10
  }

  assert {
    condition     = alltrue([for origin in aws_cloudfront_distribution.this.origin : origin.custom_origin_config[0].origin_read_timeout > 30 && origin.custom_origin_config[0].origin_read_timeout <= 60 if length(origin.custom_origin_config) > 0])
    error_message = "above three target durations, and within what CloudFront allows without asking"
  }
}

run "live_comes_before_all_else_and_playlists_before_media" {
  assert {
    condition     = [for behavior in aws_cloudfront_distribution.this.ordered_cache_behavior : behavior.path_pattern] == ["/live/*.m3u8", "/live/*", "/archive/*", "/v1/channels/*/*", "/v1/channels/*", "/v1/*"]
    error_message = "the first pattern that matches counts"
  }

  assert {
    condition     = aws_cloudfront_distribution.this.http_version == "http2and3" && alltrue([for origin in aws_cloudfront_distribution.this.origin : origin.origin_shield[0].enabled])
    error_message = "HTTP/2 and HTTP/3 for viewers, one location for the origins"
  }
}

run "with_signing_keys_playback_needs_a_signature" {
  variables {
    allowed_origins = ["https://shop.example.com"]
    signing_keys    = { k1 = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n" }
  }

  assert {
    condition = { for behavior in aws_cloudfront_distribution.this.ordered_cache_behavior : behavior.path_pattern => length(behavior.trusted_key_groups == null ? [] : behavior.trusted_key_groups) } == {
      "/live/*.m3u8" = 1, "/live/*" = 1, "/archive/*" = 1, "/v1/channels/*/*" = 0, "/v1/channels/*" = 0, "/v1/*" = 0
    }
    error_message = "playlists, media and replays, and nothing else"
  }

  assert {
    condition     = aws_cloudfront_response_headers_policy.playback.cors_config[0].access_control_allow_credentials
    error_message = "browsers send cookies only where credentials are allowed"
  }
}

run "without_signing_keys_everybody_may_watch" {
  assert {
    condition     = length(aws_cloudfront_key_group.viewers) == 0 && !aws_cloudfront_response_headers_policy.playback.cors_config[0].access_control_allow_credentials
    error_message = "no key group, no credentials"
  }
}

run "cookies_to_any_page_are_refused" {
  command = plan

  variables {
    signing_keys = { k1 = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n" }
  }

  expect_failures = [var.signing_keys]
}

run "a_certificate_elsewhere_is_refused" {
  command = plan

  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/x"
  }

  expect_failures = [var.certificate_arn]
}

run "a_private_key_is_refused" {
  command = plan

  variables {
    allowed_origins = ["https://shop.example.com"]
    signing_keys    = { k1 = "-----BEGIN PRIVATE KEY-----\nMIIB\n" }
  }

  expect_failures = [var.signing_keys]
}

# One distribution: live from the edges, replays from S3, the control API passed through.
#
#   /live/*.m3u8          cached by _HLS_msn, _HLS_part, _HLS_skip and nothing else
#   /live/*               parts, segments, init sections: cached by path alone, for as long as the origin says
#   /archive/*            replays, from S3
#   /v1/channels/CHANNEL  the channel's status, which every watch page asks for: kept a second
#   /v1/*                 control API: never cached
#   all else              pages and their assets

locals {
  edge    = "edge"
  archive = "archive"

  hold_seconds = 3 * var.target_duration_seconds
  # A request that is held and a connection that is lost look alike until then; what is held longer is answered 503 by the origin.
  read_timeout_seconds = max(30, local.hold_seconds + 15)

  signed = length(var.signing_keys) > 0

  playback = {
    methods      = ["GET", "HEAD", "OPTIONS"]
    key_groups   = local.signed ? [aws_cloudfront_key_group.viewers[0].id] : []
    functions    = [aws_cloudfront_function.canonical_query.arn]
    cors_headers = aws_cloudfront_response_headers_policy.playback.id
  }

  behaviors = [
    merge(local.playback, {
      path   = "/live/*.m3u8"
      origin = local.edge
      cache  = aws_cloudfront_cache_policy.playlists.id
    }),
    merge(local.playback, {
      path   = "/live/*"
      origin = local.edge
      cache  = aws_cloudfront_cache_policy.media.id
    }),
    merge(local.playback, {
      path      = "/archive/*"
      origin    = local.archive
      cache     = aws_cloudfront_cache_policy.media.id
      functions = []
    }),
  ]

  # What turns into a 200 a moment later must not be kept: at most a second, which is what the origin says itself.
  briefly_cached_errors = [400, 403, 404, 405, 414, 416]
  # An answer of an origin in trouble is nobody else's answer. 503 also ends a wait: the same URL may be asked again at once.
  uncached_errors = [500, 501, 502, 503, 504]
}

resource "aws_cloudfront_distribution" "this" {
  # checkov:skip=CKV_AWS_86:Access is logged by standard logging v2 (logging.tf), which needs no bucket with ACLs.
  # checkov:skip=CKV_AWS_305:There is no page at the root of a path: / is the edges' own index.
  # checkov:skip=CKV_AWS_310:A second origin would have another session of the show; failing over is done by name (module dns), for the whole distribution at a time.
  # checkov:skip=CKV2_AWS_47:The web ACL has AWSManagedRulesKnownBadInputsRuleSet, which is what the rule asks for, in waf.tf.
  comment         = "${var.name}: live shop"
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  aliases         = var.aliases
  price_class     = var.price_class
  web_acl_id      = aws_wafv2_web_acl.this.arn

  origin {
    origin_id           = local.edge
    domain_name         = var.edge_domain
    connection_attempts = 2
    connection_timeout  = 2

    custom_origin_config {
      http_port                = 80
      https_port               = 443
      origin_protocol_policy   = "https-only"
      origin_ssl_protocols     = ["TLSv1.2"]
      origin_read_timeout      = local.read_timeout_seconds
      origin_keepalive_timeout = 60
    }

    custom_header {
      name  = var.edge_header
      value = var.edge_secret
    }

    # One location asks for all: a part is fetched once for the world.
    origin_shield {
      enabled              = true
      origin_shield_region = var.shield_region
    }
  }

  origin {
    origin_id                = local.archive
    domain_name              = var.archive_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.archive.id

    origin_shield {
      enabled              = true
      origin_shield_region = var.shield_region
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.behaviors

    content {
      path_pattern               = ordered_cache_behavior.value.path
      target_origin_id           = ordered_cache_behavior.value.origin
      viewer_protocol_policy     = "redirect-to-https"
      allowed_methods            = ordered_cache_behavior.value.methods
      cached_methods             = ["GET", "HEAD"]
      cache_policy_id            = ordered_cache_behavior.value.cache
      response_headers_policy_id = ordered_cache_behavior.value.cors_headers
      trusted_key_groups         = ordered_cache_behavior.value.key_groups
      # The origin compresses playlists once for all; media are compressed already.
      compress = false

      dynamic "function_association" {
        for_each = ordered_cache_behavior.value.functions

        content {
          event_type   = "viewer-request"
          function_arn = function_association.value
        }
      }
    }
  }

  # The first that matches counts: events and state before the status, which is the path above them.
  ordered_cache_behavior {
    path_pattern               = "/v1/channels/*/*"
    target_origin_id           = local.edge
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cached_methods             = ["GET", "HEAD"]
    cache_policy_id            = aws_cloudfront_cache_policy.never.id
    origin_request_policy_id   = aws_cloudfront_origin_request_policy.control.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.pages.id
    compress                   = false
  }

  ordered_cache_behavior {
    path_pattern               = "/v1/channels/*"
    target_origin_id           = local.edge
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    cache_policy_id            = aws_cloudfront_cache_policy.status.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.pages.id
    compress                   = false
  }

  ordered_cache_behavior {
    path_pattern               = "/v1/*"
    target_origin_id           = local.edge
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cached_methods             = ["GET", "HEAD"]
    cache_policy_id            = aws_cloudfront_cache_policy.never.id
    origin_request_policy_id   = aws_cloudfront_origin_request_policy.control.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.pages.id
    compress                   = false
  }

  default_cache_behavior {
    target_origin_id           = local.edge
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    cache_policy_id            = aws_cloudfront_cache_policy.media.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.pages.id
    compress                   = true
  }

  dynamic "custom_error_response" {
    for_each = merge({ for code in local.briefly_cached_errors : code => 1 }, { for code in local.uncached_errors : code => 0 })

    content {
      error_code            = custom_error_response.key
      error_caching_min_ttl = custom_error_response.value
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = var.geo_restriction.type
      locations        = var.geo_restriction.countries
    }
  }

  viewer_certificate {
    acm_certificate_arn      = var.certificate_arn
    minimum_protocol_version = "TLSv1.2_2021"
    ssl_support_method       = "sni-only"
  }
}

resource "aws_cloudfront_origin_access_control" "archive" {
  name                              = "${var.name}-archive"
  description                       = "CloudFront signs what it asks of the bucket of replays"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# Who may watch: signed cookies or URLs, checked by CloudFront; neither is in a cache key, and neither reaches an edge.

resource "aws_cloudfront_function" "canonical_query" {
  name    = "${var.name}-canonical-query"
  runtime = "cloudfront-js-2.0"
  comment = "Delivery directives only, in one order"
  publish = true
  code    = file("${path.module}/canonical_query.js")
}

resource "aws_cloudfront_public_key" "viewers" {
  for_each = var.signing_keys

  name        = "${var.name}-${each.key}"
  comment     = "Signs viewers' cookies"
  encoded_key = each.value

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudfront_key_group" "viewers" {
  count = local.signed ? 1 : 0

  name    = "${var.name}-viewers"
  comment = "Each of these keys may sign"
  items   = [for key in aws_cloudfront_public_key.viewers : key.id]
}

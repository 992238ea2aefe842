data "aws_caller_identity" "current" {}

# Replays: segments, init sections and ended playlists. Nothing live is read from here: S3 cannot hold a blocking request.
resource "aws_s3_bucket" "archive" {
  # checkov:skip=CKV_AWS_144:A replay is copied to another region by whoever needs it there; the show itself does not depend on it.
  # checkov:skip=CKV2_AWS_62:Nobody waits for an object's arrival; the origin's manifest says what is complete.
  bucket = "${var.name}-archive-${data.aws_caller_identity.current.account_id}"
}

resource "aws_s3_bucket_ownership_controls" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket = aws_s3_bucket.archive.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    # One data key a bucket for a while, not one for each of a show's ten thousand parts.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "archive" {
  bucket = aws_s3_bucket.archive.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    id     = "replays"
    status = "Enabled"

    filter {}

    transition {
      days          = var.days_until_cold
      storage_class = "STANDARD_IA"
    }

    dynamic "expiration" {
      for_each = var.days_until_deleted[*]

      content {
        days = expiration.value
      }
    }

    # Media never change, so an older version is a deleted or a mistaken one.
    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_logging" "archive" {
  bucket = aws_s3_bucket.archive.id

  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "s3/archive/"
}

resource "aws_s3_bucket_policy" "archive" {
  bucket = aws_s3_bucket.archive.id
  policy = data.aws_iam_policy_document.archive.json

  depends_on = [aws_s3_bucket_public_access_block.archive]
}

data "aws_iam_policy_document" "archive" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.archive.arn, "${aws_s3_bucket.archive.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = length(var.reader_distribution_arns) > 0 ? [var.reader_distribution_arns] : []

    content {
      sid       = "CloudFrontReads"
      actions   = ["s3:GetObject"]
      resources = ["${aws_s3_bucket.archive.arn}/*"]

      principals {
        type        = "Service"
        identifiers = ["cloudfront.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = statement.value
      }
    }
  }
}

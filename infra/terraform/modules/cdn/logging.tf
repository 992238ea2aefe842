# Access log: standard logging v2, delivered from us-east-1 as CloudFront's always are.

resource "aws_cloudwatch_log_delivery_source" "access" {
  region       = local.cloudfront_region
  name         = "${var.name}-cdn"
  log_type     = "ACCESS_LOGS"
  resource_arn = aws_cloudfront_distribution.this.arn
}

resource "aws_cloudwatch_log_delivery_destination" "access" {
  region        = local.cloudfront_region
  name          = "${var.name}-cdn"
  output_format = "parquet"

  delivery_destination_configuration {
    destination_resource_arn = "${var.logs_arn}/cdn"
  }
}

resource "aws_cloudwatch_log_delivery" "access" {
  region                   = local.cloudfront_region
  delivery_source_name     = aws_cloudwatch_log_delivery_source.access.name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.access.arn

  s3_delivery_configuration {
    suffix_path                 = "/{DistributionId}/{yyyy}/{MM}/{dd}/{HH}"
    enable_hive_compatible_path = true
  }
}

# Hit ratio, origin latency and errors by status, for dashboard and alarms.
resource "aws_cloudfront_monitoring_subscription" "this" {
  distribution_id = aws_cloudfront_distribution.this.id

  monitoring_subscription {
    realtime_metrics_subscription_config {
      realtime_metrics_subscription_status = "Enabled"
    }
  }
}

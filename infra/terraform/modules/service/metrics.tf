# Prometheus → CloudWatch: the collector beside the program scrapes it and writes log events, of which CloudWatch makes metrics.
# One series for each service: Average over it is "for each task", Sum is "of all".

locals {
  metrics_namespace = "Vitrine"

  collector_config = yamlencode({
    receivers = {
      prometheus = {
        config = {
          scrape_configs = [{
            job_name        = var.name
            scrape_interval = "15s"
            static_configs  = [{ targets = ["127.0.0.1:${var.http_port}"], labels = { Service = var.name } }]
          }]
        }
      }
    }
    processors = { batch = { timeout = "15s" } }
    exporters = {
      awsemf = {
        namespace               = local.metrics_namespace
        log_group_name          = aws_cloudwatch_log_group.metrics.name
        log_stream_name         = "{TaskId}"
        dimension_rollup_option = "NoDimensionRollup"
        metric_declarations     = [{ dimensions = [["Service"]], metric_name_selectors = var.metrics }]
      }
    }
    service = {
      pipelines = { metrics = { receivers = ["prometheus"], processors = ["batch"], exporters = ["awsemf"] } }
    }
  })
}

resource "aws_cloudwatch_log_group" "metrics" {
  # checkov:skip=CKV_AWS_338:These events are metrics already; CloudWatch keeps the metrics for fifteen months.
  name              = "/vitrine/${var.name}/metrics"
  retention_in_days = 7
  kms_key_id        = var.kms_key_arn
}

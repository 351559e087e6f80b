// From the configuration to how this node is part of a cluster.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/cluster_service.h"
#include "config/config.h"
#include "transport/tls_client_context.h"
#include "transport/tls_options.h"

namespace vmq::broker {

/// Nothing: there is no clustering listener, so this node stays alone. Reads the files of TLS.
/// `warnings` gets a sentence for each thing that is not done as one might think.
[[nodiscard]] Result<std::optional<ClusterOptions>> cluster_options_from_config(
    const config::Config& config, std::vector<std::string>& warnings);

/// How a node whose listener has these options reaches the others.
[[nodiscard]] transport::TlsClientOptions client_tls_options(const transport::TlsOptions& server);

}  // namespace vmq::broker

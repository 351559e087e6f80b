// From the configuration of a listener to what its TLS is set up with.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "transport/tls_context.h"

namespace vmq::transport {

/// Of a listener with TLS. `warnings` gets a sentence for each option that cannot be meant so.
[[nodiscard]] TlsOptions tls_options_from(const config::ListenerSettings& configured,
                                          std::vector<std::string>& warnings);

}  // namespace vmq::transport

#include <fmt/format.h>

#include "core/api_token.h"
#include "server/pages/api_documents.h"
#include "server/routes/handlers.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kHtmlType = "text/html; charset=utf-8";

/// The part of the page between <NAME> and </NAME>.
std::string_view ContentOf(std::string_view page, std::string_view name) {
  const std::string open = fmt::format("<{}>", name);
  const std::size_t start = page.find(open) + open.size();
  return page.substr(start, page.find(fmt::format("</{}>", name)) - start);
}

/// Allows only the page's own script and style, by their hashes, and requests to this server.
/// Nothing else runs or loads, even if the page shows hostile data.
std::string PolicyFor(std::string_view page) {
  return fmt::format(
      "default-src 'none'; connect-src 'self'; script-src 'sha256-{}'; style-src 'sha256-{}'; "
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      Sha256Base64(ContentOf(page, "script")), Sha256Base64(ContentOf(page, "style")));
}

}  // namespace

asio::awaitable<HandlerResult> GetOpenApi(ServerContext& /*context*/, const Request& /*request*/) {
  co_return Response{.body = std::string(OpenApiText())};
}

asio::awaitable<HandlerResult> GetDocs(ServerContext& /*context*/, const Request& /*request*/) {
  Response response{.content_type = kHtmlType, .body = std::string(DocsPageText())};
  response.headers.push_back({"Content-Security-Policy", PolicyFor(response.body)});
  response.headers.push_back({"Referrer-Policy", "no-referrer"});
  co_return response;
}

}  // namespace djps::server

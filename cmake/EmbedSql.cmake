# Turns every .sql file into a C++ constant, so that SQL text exists in one place only.
#
# djps_embed_sql(TARGET STATEMENTS_DIR DB_DIR VIEWS view...) makes a library with
#   generated/store/statements.h   one `extern const pg::Statement kVerbNoun;` per statement file,
#                                  and a namespace `verb_noun` with its columns: kId, kRunAt, ...
#   generated/store/statements.cc  their texts, and those of DB_DIR: migrations, definitions, grants
# The types come from each statement's header: its first line is the signature, the line that starts
# with "-- Returns:" names the columns. A contract test compares both with what Postgres says.
#
# VIEWS names the files of DB_DIR/views in the order in which they are made: a view comes after those
# that it reads. Functions need no order: see src/store/migrator.h.

set(DJPS_SQL_TYPES bool int2 int4 int8 float8 text uuid jsonb timestamptz interval)

# What columns are read as (pg/wire.h).
set(DJPS_READ_AS_bool bool)
set(DJPS_READ_AS_int2 std::int16_t)
set(DJPS_READ_AS_int4 std::int32_t)
set(DJPS_READ_AS_int8 std::int64_t)
set(DJPS_READ_AS_float8 double)
set(DJPS_READ_AS_text std::string)
set(DJPS_READ_AS_uuid Uuid)
set(DJPS_READ_AS_jsonb pg::Json)
set(DJPS_READ_AS_timestamptz Timestamp)

# "text[]" -> kTextArray, "int2" -> kInt2
function(djps_sql_type_constant text out)
  string(REGEX REPLACE "\\[\\]$" "" base "${text}")
  if(NOT base IN_LIST DJPS_SQL_TYPES)
    message(FATAL_ERROR "unknown SQL type '${text}'; known: ${DJPS_SQL_TYPES}")
  endif()
  string(SUBSTRING "${base}" 0 1 first)
  string(SUBSTRING "${base}" 1 -1 rest)
  string(TOUPPER "${first}" first)
  set(name "k${first}${rest}")
  if(text MATCHES "\\[\\]$")
    string(APPEND name "Array")
  endif()
  set(${out} "pg::Type::${name}" PARENT_SCOPE)
endfunction()

# "claim_jobs" -> "kClaimJobs"
function(djps_sql_constant_name stem out)
  string(REPLACE "_" ";" words "${stem}")
  set(name "k")
  foreach(word IN LISTS words)
    string(SUBSTRING "${word}" 0 1 first)
    string(SUBSTRING "${word}" 1 -1 rest)
    string(TOUPPER "${first}" first)
    string(APPEND name "${first}${rest}")
  endforeach()
  set(${out} "${name}" PARENT_SCOPE)
endfunction()

function(djps_embed_statement file header_out source_out list_out)
  get_filename_component(stem "${file}" NAME_WE)
  djps_sql_constant_name("${stem}" constant)
  file(READ "${file}" content)
  if(NOT content MATCHES "^-- ${stem}\\(([^)]*)\\)\n")
    message(FATAL_ERROR "${file}: the first line must be its signature, '-- ${stem}(types)'")
  endif()
  set(params "")
  string(REGEX REPLACE ", *" ";" types "${CMAKE_MATCH_1}")
  foreach(type IN LISTS types)
    djps_sql_type_constant("${type}" type_constant)
    string(APPEND params "${type_constant}, ")
  endforeach()
  if(NOT content MATCHES "\n-- Returns: ([^\n]*)\n")
    message(FATAL_ERROR "${file}: a line '-- Returns: name type, ...' is missing")
  endif()
  set(columns "")
  set(places "")
  set(index 0)
  string(REGEX REPLACE ", *" ";" pairs "${CMAKE_MATCH_1}")
  foreach(pair IN LISTS pairs)
    if(NOT pair MATCHES "^([a-z0-9_]+) ([a-z0-9]+)$")
      message(FATAL_ERROR "${file}: '${pair}' in Returns is not 'name type'")
    endif()
    set(column "${CMAKE_MATCH_1}")
    set(type "${CMAKE_MATCH_2}")
    djps_sql_type_constant("${type}" type_constant)
    if(NOT DEFINED DJPS_READ_AS_${type})
      message(FATAL_ERROR "${file}: column ${column}: nothing reads a column of type ${type}")
    endif()
    string(APPEND columns "\n    {\"${column}\", ${type_constant}},")
    djps_sql_constant_name("${column}" name)
    string(APPEND places
           "inline constexpr pg::ColumnAt<${DJPS_READ_AS_${type}}> ${name}(${index});\n")
    math(EXPR index "${index} + 1")
  endforeach()
  set(header "extern const pg::Statement ${constant};\nnamespace ${stem} {\n${places}")
  string(APPEND header "inline constexpr pg::Column kColumns[] = {${columns}\n};\n}\n\n")
  set(${header_out} "${header}" PARENT_SCOPE)
  set(source "const std::vector<pg::Type> ${constant}Params = {${params}};\n")
  string(APPEND source "constexpr std::string_view ${constant}Text = R\"sql(${content})sql\";\n")
  set(${source_out} "${source}" PARENT_SCOPE)
  set(${list_out}
      "const pg::Statement ${constant}{\"${stem}\", ${constant}Text, ${constant}Params, ${stem}::kColumns};\n"
      PARENT_SCOPE)
endfunction()

# Appends the C++ initializer of one migration of the schema to the list `out`.
function(djps_embed_migration file out)
  get_filename_component(stem "${file}" NAME_WE)
  if(NOT stem MATCHES "^0*([1-9][0-9]*)_([a-z0-9_]+)$")
    message(FATAL_ERROR "${file}: a migration is called NNNN_name.sql")
  endif()
  set(version "${CMAKE_MATCH_1}")
  set(name "${CMAKE_MATCH_2}")
  file(READ "${file}" content)
  file(SHA256 "${file}" checksum)
  set(${out} "${${out}}{${version}, \"${name}\", \"${checksum}\", R\"sql(${content})sql\"},\n" PARENT_SCOPE)
endfunction()

# Appends the C++ initializer of one function, view or script to the list `out`, and its checksum to
# `sums`. The signature of a function is a checksum of the text between its name and "language".
function(djps_embed_definition kind file out sums)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" content)
  file(SHA256 "${file}" checksum)
  set(signature "")
  if(kind STREQUAL "function")
    string(FIND "${content}" "\ncreate or replace function djps.${name}(" first)
    string(FIND "${content}" "\nlanguage " last)
    if(first EQUAL -1 OR last LESS first)
      message(FATAL_ERROR "${file}: no line 'create or replace function djps.${name}(' with a line "
                          "'language ...' behind it")
    endif()
    math(EXPR length "${last} - ${first}")
    string(SUBSTRING "${content}" ${first} ${length} head)
    string(SHA256 signature "${head}")
  endif()
  set(${out}
      "${${out}}{\"${kind}\", \"${name}\", \"${checksum}\", \"${signature}\", R\"sql(${content})sql\"},\n"
      PARENT_SCOPE)
  set(${sums} "${${sums}}${kind} ${name} ${checksum}\n" PARENT_SCOPE)
endfunction()

function(djps_embed_sql target statements_dir db_dir)
  cmake_parse_arguments(PARSE_ARGV 3 ARG "" "" "VIEWS")
  file(GLOB migrations CONFIGURE_DEPENDS "${db_dir}/migrations/*.sql")
  file(GLOB_RECURSE functions CONFIGURE_DEPENDS "${db_dir}/functions/*.sql")
  file(GLOB views CONFIGURE_DEPENDS "${db_dir}/views/*.sql")
  file(GLOB scripts CONFIGURE_DEPENDS "${db_dir}/*.sql")
  file(GLOB_RECURSE statements CONFIGURE_DEPENDS "${statements_dir}/*.sql")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
               ${migrations} ${functions} ${views} ${scripts} ${statements})

  set(declarations "")
  set(texts "")
  set(definitions "")
  set(all "")
  foreach(file IN LISTS statements)
    djps_embed_statement("${file}" declaration text definition)
    string(APPEND declarations "${declaration}")
    string(APPEND texts "${text}")
    string(APPEND definitions "${definition}")
    get_filename_component(stem "${file}" NAME_WE)
    djps_sql_constant_name("${stem}" constant)
    string(APPEND all "&${constant}, ")
  endforeach()

  set(migration_list "")
  foreach(file IN LISTS migrations)
    djps_embed_migration("${file}" migration_list)
  endforeach()

  set(definition_list "")
  set(definition_sums "")
  foreach(file IN LISTS functions)
    djps_embed_definition(function "${file}" definition_list definition_sums)
  endforeach()
  foreach(view IN LISTS ARG_VIEWS)
    djps_embed_definition(view "${db_dir}/views/${view}.sql" definition_list definition_sums)
    list(REMOVE_ITEM views "${db_dir}/views/${view}.sql")
  endforeach()
  if(views)
    message(FATAL_ERROR "${views}: add it to VIEWS, where djps_embed_sql is called")
  endif()
  djps_embed_definition(script "${db_dir}/after_functions.sql" definition_list definition_sums)
  string(SHA256 definitions_checksum "${definition_sums}")
  file(READ "${db_dir}/grants.sql" grants)

  set(dir "${CMAKE_CURRENT_BINARY_DIR}/generated/store")
  file(CONFIGURE OUTPUT "${dir}/statements.h" CONTENT [[
// Generated from src/store/sql and db by cmake/EmbedSql.cmake.
#pragma once

#include <span>
#include <string_view>

#include "pg/statement.h"
#include "pg/wire.h"

namespace djps::sql {

@declarations@
/// Every statement, for tests that look at them all.
std::span<const pg::Statement* const> AllStatements();

struct Migration {
  int version;
  std::string_view name;
  std::string_view checksum;  ///< SHA-256 of the file, hexadecimal.
  std::string_view text;
};

/// All migrations, ascending by version.
std::span<const Migration> Migrations();

/// What is replaced when its text has changed: a file of db/functions or db/views, or
/// db/after_functions.sql.
struct Definition {
  std::string_view kind;       ///< function, view or script.
  std::string_view name;
  std::string_view checksum;   ///< SHA-256 of the file, hexadecimal.
  std::string_view signature;  ///< SHA-256 of a function's parameters and result; else empty.
  std::string_view text;
};

/// All functions, then all views, then the script, in the order in which they are made.
std::span<const Definition> Definitions();

/// One checksum over all definitions.
std::string_view DefinitionsChecksum();

/// The text of db/grants.sql.
std::string_view Grants();

}  // namespace djps::sql
]] @ONLY)
  set(source "// Generated by cmake/EmbedSql.cmake.\n#include \"store/statements.h\"\n\n#include <vector>\n\n")
  string(APPEND source "namespace djps::sql {\nnamespace {\n\n${texts}\n}  // namespace\n\n${definitions}\n")
  string(APPEND source "std::span<const pg::Statement* const> AllStatements() {\n")
  string(APPEND source "  static constexpr const pg::Statement* kAll[] = {${all}};\n  return kAll;\n}\n\n")
  string(APPEND source "std::span<const Migration> Migrations() {\n  static constexpr Migration kAll[] = {\n")
  string(APPEND source "${migration_list}};\n  return kAll;\n}\n\n")
  string(APPEND source "std::span<const Definition> Definitions() {\n  static constexpr Definition kAll[] = {\n")
  string(APPEND source "${definition_list}};\n  return kAll;\n}\n\n")
  string(APPEND source "std::string_view DefinitionsChecksum() { return \"${definitions_checksum}\"; }\n\n")
  string(APPEND source "std::string_view Grants() {\n  return R\"sql(${grants})sql\";\n}\n\n}  // namespace djps::sql\n")
  # Not CONFIGURE: SQL texts may hold anything.
  if(EXISTS "${dir}/statements.cc")
    file(READ "${dir}/statements.cc" previous)
  else()
    set(previous "")
  endif()
  if(NOT previous STREQUAL source)
    file(WRITE "${dir}/statements.cc" "${source}")
  endif()

  add_library(${target} STATIC "${dir}/statements.cc")
  target_include_directories(${target} PUBLIC "${CMAKE_CURRENT_BINARY_DIR}/generated")
  target_link_libraries(${target} PUBLIC djps_pg)
endfunction()
